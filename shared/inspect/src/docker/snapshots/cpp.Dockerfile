# syntax=docker/dockerfile:1.7

FROM debian:12.9 AS build
# Debian keeps no old versions: a pin would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends build-essential cmake ninja-build pkg-config ca-certificates git && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN cmake -S . -B build && cmake --build build
RUN mkdir -p /out/build && cp build/a /out/build/ && rm -rf build

FROM debian:12.9-slim
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=10001:10001 /out /app
USER 10001:10001
EXPOSE 8080
CMD ["./build/a"]
