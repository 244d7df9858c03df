# syntax=docker/dockerfile:1.7

FROM denoland/deno:2.2.2 AS build
ENV DENO_DIR=/app/.deno
WORKDIR /app
COPY . .
RUN deno cache main.ts

FROM denoland/deno:2.2.2
ENV DENO_DIR=/app/.deno
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["deno", "run", "--allow-all", "main.ts"]
