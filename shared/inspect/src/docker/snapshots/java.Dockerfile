# syntax=docker/dockerfile:1.7

FROM maven:3.9-eclipse-temurin-21 AS build
WORKDIR /app
COPY . .
RUN --mount=type=cache,target=/root/.m2,sharing=locked --mount=type=cache,target=/root/.gradle,sharing=locked mvn -B -DskipTests clean package

FROM eclipse-temurin:21-jre
ENV JAVA_OPTS=-XX:MaxRAMPercentage=75
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec java $JAVA_OPTS -jar target/*jar"]
