# The server and the packages that it needs: no torch, no MLflow server, no compiler, no pip.
# `make images`; docs/how-to/deploy.md says how to run it.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
# heif beside them reads the pictures of phones, and takes 27 MB.
ARG EXTRAS=serving,registry
ARG PIP_INDEX_URL=""
ARG PIP_CERT=""
RUN python3 -m venv /opt/venv
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY contract contract
COPY serving serving
RUN /opt/venv/bin/python -m pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]" \
    && /opt/venv/bin/python -m pip uninstall --yes pip setuptools \
    && rm /opt/venv/bin/convnet \
    && cd /opt/venv/lib/python3*/site-packages \
    && rm -r onnxruntime/quantization onnxruntime/tools onnxruntime/transformers \
    && find . -depth -type d -name tests -exec rm -r {} +

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="convnet-serving" \
      org.opencontainers.image.description="An exported image classifier over HTTP" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp serving
COPY --from=build /opt/venv /opt/venv
COPY deploy/ready.py /opt/ready.py
# Of the settings, those that differ in a container: docs/reference/settings.md has them all.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    SERVING_HOST=0.0.0.0 \
    SERVING_PORT=8000 \
    SERVING_MODEL=/models/model.onnx
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "/opt/ready.py"]
ENTRYPOINT ["python", "-m", "serving"]
