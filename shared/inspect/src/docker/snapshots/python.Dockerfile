# syntax=docker/dockerfile:1.7

FROM python:3.11-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip,sharing=locked python3 -m venv .venv && .venv/bin/python -m pip install -r requirements.txt
COPY . .

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1
ENV MODE="a b"
ENV PATH=/app/.venv/bin:$PATH
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "python manage.py migrate && exec gunicorn --bind 0.0.0.0:${PORT:-8000} a:b"]
