# syntax=docker/dockerfile:1.7

FROM clojure:temurin-21-lein-jammy AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY project.clj ./
RUN lein deps
COPY . .
RUN lein uberjar

FROM eclipse-temurin:21-jre
ENV JAVA_OPTS=-XX:MaxRAMPercentage=75
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app
COPY --from=build --chown=10001:10001 /app /app
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "exec java $JAVA_OPTS -jar target/uberjar/web.jar"]
