# syntax=docker/dockerfile:1.7

FROM ghcr.io/gleam-lang/gleam:v1.13.0-erlang AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY gleam.toml manifest.toml* ./
RUN gleam deps download
COPY . .
RUN gleam export erlang-shipment

FROM ghcr.io/gleam-lang/gleam:v1.13.0-erlang
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app/build/erlang-shipment /app/build/erlang-shipment
USER 10001:10001
EXPOSE 8080
CMD ["./build/erlang-shipment/entrypoint.sh", "run"]
