# syntax=docker/dockerfile:1.7

FROM debian:12.9-slim AS manifests
WORKDIR /tree
COPY . .
RUN mkdir /manifests && find . -type f \( -name 'build.sbt' -o -path '*/project/*.sbt' -o -path '*/project/*.scala' -o -path '*/project/build.properties' \) -exec cp --parents {} /manifests/ \;

FROM eclipse-temurin:21-jdk AS build
ENV JAVA_TOOL_OPTIONS=-Duser.home=/app/.home
ADD https://github.com/sbt/sbt/releases/download/v1.10.7/sbt-1.10.7.tgz /tmp/sbt.tgz
RUN tar -xzf /tmp/sbt.tgz -C /opt && ln -s /opt/sbt/bin/sbt /usr/local/bin/sbt
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY --from=manifests /manifests/ ./
RUN (sbt update || true)
COPY . .
RUN sbt compile

FROM eclipse-temurin:21-jdk
ENV JAVA_TOOL_OPTIONS=-Duser.home=/app/.home
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
ADD https://github.com/sbt/sbt/releases/download/v1.10.7/sbt-1.10.7.tgz /tmp/sbt.tgz
RUN tar -xzf /tmp/sbt.tgz -C /opt && ln -s /opt/sbt/bin/sbt /usr/local/bin/sbt
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sbt", "run"]
