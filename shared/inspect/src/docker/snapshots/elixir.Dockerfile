# syntax=docker/dockerfile:1.7

FROM elixir:1.18 AS build
ENV MIX_ENV=prod
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY mix.exs mix.lock* ./
RUN mix local.hex --force && mix deps.get --only prod
COPY . .
RUN mix release --overwrite

FROM elixir:1.18-slim
ENV PHX_SERVER=true
ENV RELEASE_TMP=/tmp
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app/_build/prod/rel /app/_build/prod/rel
USER 10001:10001
EXPOSE 8080
CMD ["./_build/prod/rel/a/bin/a", "start"]
