# One image for each service, holding that service and what all share; `make images` builds all of them:
#   docker build --build-arg SERVICE=gateway -t scv/gateway .
# It is whichever process it is told to be: api (the default), relay, consumer, jobs, provision, migrate, topics, …
# It runs as 10001 on a read-only root; only /tmp is written to, and secrets are read from /run/secrets.
ARG BASE_IMAGE=python:3.12-slim

FROM ${BASE_IMAGE} AS build
ARG SERVICE
WORKDIR /build
COPY requirements.lock deploy/image/locked.py ./
RUN python3 -m venv tools && python3 -m venv --without-pip /app \
 && python3 locked.py tools > tools.txt && tools/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement tools.txt
COPY shared/pyproject.toml shared/
COPY services/${SERVICE}/pyproject.toml service/
# Every library is pinned and hashed by the lock; only those this service names come in.
RUN python3 locked.py wanted shared service > wanted.txt \
 && tools/bin/pip --python /app/bin/python install --no-cache-dir --constraint requirements.lock --requirement wanted.txt
COPY shared shared
COPY services/${SERVICE} service
RUN tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels ./shared ./service \
 && tools/bin/pip --python /app/bin/python install --no-cache-dir --no-deps wheels/*.whl \
 && printf '#!/bin/sh\nexec /app/bin/python -m %s "$@"\n' "$(echo "${SERVICE}" | tr - _)" > /app/bin/service \
 && chmod 0755 /app/bin/service

FROM ${BASE_IMAGE}
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="scv/${SERVICE}" \
      org.opencontainers.image.description="Single customer view: ${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# A base image of Python brings an installer along; nothing is installed here any more. A volume takes over who owns
# /ledger, where one process ships the ledger to.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
 && mkdir /ledger && chown 10001:10001 /ledger
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=build /app /app
USER 10001:10001
WORKDIR /app
EXPOSE 8080 9090
ENTRYPOINT ["/app/bin/service"]
CMD ["api"]
