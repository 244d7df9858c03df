# syntax=docker/dockerfile:1.7

FROM debian:12.9-slim AS manifests
WORKDIR /tree
COPY . .
RUN mkdir /manifests && find . -type f \( -name 'stack.yaml' -o -name 'stack.yaml.lock' -o -name 'package.yaml' -o -name '*.cabal' \) -exec cp --parents {} /manifests/ \;

FROM haskell:9.10 AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY --from=manifests /manifests/ ./
RUN (stack build --only-dependencies || true)
COPY . .
RUN stack build --copy-bins --local-bin-path bin
RUN rm -rf dist-newstyle .stack-work

FROM debian:12.9-slim
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
# Debian keeps no old versions: a pin would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libgmp10 && rm -rf /var/lib/apt/lists/*
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["./bin/web"]
