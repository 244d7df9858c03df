# syntax=docker/dockerfile:1.7

FROM rust:1.88-bookworm AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY Cargo.toml Cargo.lock* rust-toolchain* ./
RUN mkdir src && touch src/main.rs src/lib.rs && (cargo fetch || true) && rm -rf src
COPY . .
RUN cargo build --release
RUN mkdir -p /out/target/release && cp target/release/web /out/target/release/ && rm -rf target

FROM debian:12.9-slim
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=10001:10001 /app /app
COPY --from=build --chown=10001:10001 /out /app
USER 10001:10001
EXPOSE 8080
CMD ["./target/release/web"]
