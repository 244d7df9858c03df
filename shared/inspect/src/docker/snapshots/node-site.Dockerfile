# syntax=docker/dockerfile:1.7

FROM node:24.20-bookworm AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY package.json package-lock.json* npm-shrinkwrap.json* .npmrc* ./
RUN --mount=type=cache,target=/root/.npm,sharing=locked npm ci
COPY . .
RUN --mount=type=cache,target=/root/.npm,sharing=locked npm run build

FROM nginxinc/nginx-unprivileged:1.27-alpine-slim AS settings
USER 101
# hadolint ignore=SC2016
RUN printf '%s\n' \
    'server {' \
    '  listen ${PORT};' \
    '  root /usr/share/nginx/html;' \
    '  gzip_static on;' \
    '  location / { try_files $uri $uri/ $uri.html /index.html; }' \
    '}' \
    > /tmp/default.conf.template

FROM nginxinc/nginx-unprivileged:1.27-alpine-slim
ENV PORT=8080
COPY --from=settings /tmp/default.conf.template /etc/nginx/templates/default.conf.template
COPY --from=build /app/dist /usr/share/nginx/html
USER 101
EXPOSE 8080
