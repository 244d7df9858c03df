# syntax=docker/dockerfile:1.7

FROM golang:1.24-bookworm AS build
ENV CGO_ENABLED=0
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY go.mod go.sum* ./
RUN --mount=type=cache,target=/root/.cache/go-build,sharing=locked go mod download
COPY . .
RUN --mount=type=cache,target=/root/.cache/go-build,sharing=locked go build -o out .
RUN --mount=type=cache,target=/root/.cache/go-build,sharing=locked find . -name '*.go' -type f -delete

FROM gcr.io/distroless/static-debian12:nonroot
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["./out"]
