# syntax=docker/dockerfile:1.7

FROM debian:12.9-slim AS manifests
WORKDIR /tree
COPY . .
RUN mkdir /manifests && find . -type f \( -name 'pom.xml' -o -name 'mvnw' -o -path '*/.mvn/*' \) -exec cp --parents {} /manifests/ \;

FROM maven:3.9-eclipse-temurin-21 AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY --from=manifests /manifests/ ./
RUN (mvn -B dependency:go-offline || true)
COPY . .
RUN mvn -B -DskipTests clean package

FROM eclipse-temurin:21-jre
ENV JAVA_OPTS=-XX:MaxRAMPercentage=75
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app/target/*jar /app/target/
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec java $JAVA_OPTS -jar target/*jar"]
