# Every stage of the pipeline, with git for DVC: mount a checkout at /work, and run `convnet repro`.
# `make images`; TORCH_INDEX takes torch from an index of CPU builds (2.5 GB instead of 7).
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG TORCH_INDEX=""
ARG PIP_INDEX_URL=""
ARG PIP_CERT=""
RUN python3 -m venv /opt/venv
WORKDIR /src
COPY constraints.txt ./
RUN test -z "${TORCH_INDEX}" || /opt/venv/bin/python -m pip install --no-cache-dir --no-deps \
    --index-url "${TORCH_INDEX}" -c constraints.txt torch torchvision
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY convnet convnet
COPY pipeline pipeline
COPY scoring scoring
COPY serving serving
RUN /opt/venv/bin/python -m pip install --no-cache-dir -c constraints.txt \
    ".[pipeline,serving,scoring,postgresql]"

FROM ${BASE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="convnet-training" \
      org.opencontainers.image.description="The pipeline that trains an image classifier" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN apt-get update -qq \
    && apt-get install --yes -qq --no-install-recommends git libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /tmp training \
    && git config --system --add safe.directory /work
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /work
# A job has an end and an exit status: nobody asks it for its health.
HEALTHCHECK NONE
CMD ["convnet", "repro"]
