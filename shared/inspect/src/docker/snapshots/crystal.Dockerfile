# syntax=docker/dockerfile:1.7

FROM crystallang/crystal:1.14-alpine AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY shard.yml shard.lock* ./
RUN shards install --production
COPY . .
RUN shards build --release --production --static
RUN mkdir -p /out/bin && cp bin/web /out/bin/ && rm -rf lib

FROM debian:12.9-slim
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=10001:10001 /app /app
COPY --from=build --chown=10001:10001 /out /app
USER 10001:10001
EXPOSE 8080
CMD ["./bin/web"]
