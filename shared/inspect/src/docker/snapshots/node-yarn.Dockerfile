# syntax=docker/dockerfile:1.7

FROM debian:12.9-slim AS manifests
WORKDIR /tree
COPY . .
RUN mkdir /manifests && find . -type f \( -name 'package.json' -o -name 'yarn.lock' -o -name '.yarnrc.yml' -o -path '*/.yarn/releases/*' -o -path '*/.yarn/plugins/*' -o -path '*/.yarn/patches/*' \) -exec cp --parents {} /manifests/ \;

FROM node:24.20-bookworm AS build
ENV COREPACK_HOME=/usr/local/share/corepack
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
RUN corepack enable && mkdir -p "$COREPACK_HOME"
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY --from=manifests /manifests/ ./
RUN --mount=type=cache,target=/root/.yarn/berry/cache,sharing=locked yarn install --immutable
COPY . .
RUN --mount=type=cache,target=/root/.yarn/berry/cache,sharing=locked yarn run build

FROM node:24.20-bookworm-slim
ENV NODE_ENV=production
ENV COREPACK_HOME=/usr/local/share/corepack
ENV COREPACK_ENABLE_DOWNLOAD_PROMPT=0
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
RUN corepack enable
COPY --from=build --chown=10001:10001 /usr/local/share/corepack /usr/local/share/corepack
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["yarn", "run", "start"]
