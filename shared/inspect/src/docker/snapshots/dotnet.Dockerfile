# syntax=docker/dockerfile:1.7

FROM mcr.microsoft.com/dotnet/sdk:8.0 AS build
WORKDIR /app
# What is fetched changes seldom: a layer of its own, before the source.
COPY a.csproj ./
RUN dotnet restore a.csproj
COPY . .
RUN dotnet publish a.csproj --no-restore -o out

FROM mcr.microsoft.com/dotnet/aspnet:8.0
# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.
ENV PORT=8080 HOME=/tmp
WORKDIR /app/out
COPY --from=build --chown=10001:10001 /app/out /app/out
USER 10001:10001
EXPOSE 8080
CMD ["sh", "-c", "ASPNETCORE_URLS=http://0.0.0.0:${PORT:-8080} exec ./a"]
