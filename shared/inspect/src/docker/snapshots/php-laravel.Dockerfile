# syntax=docker/dockerfile:1.7

FROM php:8.3-cli-bookworm AS build
ENV COMPOSER_ALLOW_SUPERUSER=1
ENV COMPOSER_CACHE_DIR=/tmp/cache
# Debian keeps no old versions: a pin would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
# Debian keeps no old versions: a pin would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends git unzip && rm -rf /var/lib/apt/lists/*
COPY --from=composer:2.8 /usr/bin/composer /usr/local/bin/composer
COPY --from=node:24.20-bookworm-slim /usr/local/bin /usr/local/bin
COPY --from=node:24.20-bookworm-slim /usr/local/lib/node_modules /usr/local/lib/node_modules
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY composer.json composer.lock* ./
RUN --mount=type=cache,target=/tmp/cache,sharing=locked composer install --no-dev --no-scripts --no-autoloader --no-interaction --ignore-platform-reqs
COPY . .
RUN --mount=type=cache,target=/tmp/cache,sharing=locked composer install --no-dev
RUN --mount=type=cache,target=/tmp/cache,sharing=locked npm ci && npm run build

FROM php:8.3-cli-bookworm
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
# Debian keeps no old versions: a pin would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
# Debian keeps no old versions: a pin would break the build at the next security fix.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libpq-dev && rm -rf /var/lib/apt/lists/*
RUN docker-php-ext-install pdo_pgsql
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec php -S 0.0.0.0:${PORT:-80} -t public"]
