# A tracking server for a team, before PostgreSQL: deploy/compose.yaml says by which command.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG PIP_INDEX_URL=""
ARG PIP_CERT=""
RUN python3 -m venv /opt/venv
COPY constraints.txt ./
RUN /opt/venv/bin/python -m pip install --no-cache-dir -c constraints.txt \
        mlflow 'psycopg[binary]' boto3 \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="convnet-mlflow" \
      org.opencontainers.image.description="MLflow's tracking server and registry" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp mlflow \
    && install --directory --owner mlflow --group mlflow /artifacts
COPY --from=build /opt/venv /opt/venv
COPY deploy/ready.py /opt/ready.py
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
USER 10001:10001
WORKDIR /tmp
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "/opt/ready.py", "/health", "5000"]
CMD ["mlflow", "server", "--host=0.0.0.0", "--port=5000", "--workers=2"]
