# syntax=docker/dockerfile:1.7

FROM ruby:3.3-bookworm AS build
ENV BUNDLE_PATH=/app/vendor/bundle
ENV BUNDLE_WITHOUT=development:test
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY Gemfile Gemfile.lock* .ruby-version* .tool-versions* ./
RUN bundle install
COPY . .

FROM ruby:3.3-slim-bookworm
ENV BUNDLE_PATH=/app/vendor/bundle
ENV BUNDLE_WITHOUT=development:test
ENV RAILS_ENV=production
ENV RAILS_LOG_TO_STDOUT=1
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec bundle exec puma -p ${PORT:-3000}"]
