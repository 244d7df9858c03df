# syntax=docker/dockerfile:1.7

FROM node:24.20-bookworm AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY package.json package-lock.json* npm-shrinkwrap.json* .npmrc* ./
RUN --mount=type=cache,target=/root/.npm,sharing=locked npm ci
COPY . .
RUN --mount=type=cache,target=/root/.npm,sharing=locked npm run build

FROM node:24.20-bookworm-slim
ENV NODE_ENV=production
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["npm", "run", "start"]
