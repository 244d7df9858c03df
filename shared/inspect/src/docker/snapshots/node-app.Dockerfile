# syntax=docker/dockerfile:1.7

FROM debian:12.9-slim AS manifests
WORKDIR /tree
COPY . .
RUN mkdir /manifests && find . -type f \( -path './package.json' -o -path './pnpm-lock.yaml' -o -path './pnpm-workspace.yaml' -o -path './.npmrc' -o -path './patches/*' \) -exec cp --parents {} /manifests/ \;

FROM node:24.20-bookworm AS build
ENV COREPACK_HOME=/usr/local/share/corepack
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
RUN corepack enable && mkdir -p "$COREPACK_HOME"
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY --from=manifests /manifests/ ./
RUN --mount=type=cache,target=/root/.local/share/pnpm/store,sharing=locked (pnpm fetch || true)
COPY . .
RUN --mount=type=cache,target=/root/.local/share/pnpm/store,sharing=locked pnpm install --frozen-lockfile
WORKDIR /app/apps/web
RUN --mount=type=cache,target=/root/.local/share/pnpm/store,sharing=locked pnpm run build

FROM node:24.20-bookworm-slim
ENV NODE_ENV=production
ENV COREPACK_HOME=/usr/local/share/corepack
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app/apps/web
RUN corepack enable
COPY --from=build --chown=10001:10001 /usr/local/share/corepack /usr/local/share/corepack
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["node", "a.js"]
