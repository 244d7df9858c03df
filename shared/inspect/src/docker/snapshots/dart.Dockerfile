# syntax=docker/dockerfile:1.7

FROM dart:3.6 AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY pubspec.yaml pubspec.lock* ./
RUN dart pub get
COPY . .
RUN dart compile exe bin/server.dart -o bin/server
RUN rm -rf .dart_tool

FROM debian:12.9-slim
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["./bin/server"]
