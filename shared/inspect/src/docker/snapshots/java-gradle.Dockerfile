# syntax=docker/dockerfile:1.7

FROM debian:12.9-slim AS manifests
WORKDIR /tree
COPY . .
RUN mkdir /manifests && find . -type f \( -name '*.gradle' -o -name '*.gradle.kts' -o -name 'gradle.properties' -o -name 'gradlew' -o -path '*/gradle/*' -o -path '*/buildSrc/*' \) -exec cp --parents {} /manifests/ \;

FROM eclipse-temurin:21-jdk AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY --from=manifests /manifests/ ./
RUN (sh ./gradlew --no-daemon dependencies || true)
COPY . .
RUN sh ./gradlew bootJar -x test

FROM eclipse-temurin:21-jre
ENV JAVA_OPTS=-XX:MaxRAMPercentage=75
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec java $JAVA_OPTS -jar */build/libs/*.jar"]
