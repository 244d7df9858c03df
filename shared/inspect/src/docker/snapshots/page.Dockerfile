# syntax=docker/dockerfile:1.7

FROM nginxinc/nginx-unprivileged:1.27-alpine-slim AS build
USER 101
WORKDIR /app
COPY . .

FROM nginxinc/nginx-unprivileged:1.27-alpine-slim AS settings
USER 101
# hadolint ignore=SC2016
RUN printf '%s\n' \
    'server {' \
    '  listen ${PORT};' \
    '  root /usr/share/nginx/html;' \
    '  gzip_static on;' \
    '  location / { try_files $uri $uri/ $uri.html =404; }' \
    '}' \
    > /tmp/default.conf.template

FROM nginxinc/nginx-unprivileged:1.27-alpine-slim
ENV PORT=8080
COPY --from=settings /tmp/default.conf.template /etc/nginx/templates/default.conf.template
COPY --from=build /app /usr/share/nginx/html
USER 101
EXPOSE 8080
