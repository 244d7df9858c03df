# syntax=docker/dockerfile:1.7

FROM composer:2.8 AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY composer.json composer.lock* ./
RUN --mount=type=cache,target=/tmp/cache,sharing=locked composer install --no-dev --no-scripts --no-autoloader --no-interaction --ignore-platform-reqs
COPY . .
RUN --mount=type=cache,target=/tmp/cache,sharing=locked composer install --no-dev

FROM php:8.3-cli-bookworm
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec php -S 0.0.0.0:${PORT:-80} -t public"]
