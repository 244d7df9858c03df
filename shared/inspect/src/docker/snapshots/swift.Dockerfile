# syntax=docker/dockerfile:1.7

FROM swift:6.0-jammy AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY Package.swift Package.resolved* ./
RUN swift package resolve
COPY . .
RUN swift build -c release
RUN mkdir -p /out/.build/release && (cp -rL .build/release/*.resources /out/.build/release/ || true)
RUN mkdir -p /out/.build/release && cp .build/release/App /out/.build/release/ && rm -rf .build

FROM swift:6.0-jammy-slim
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=10001:10001 /app /app
COPY --from=build --chown=10001:10001 /out /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec ./.build/release/App serve --port ${PORT:-8080}"]
