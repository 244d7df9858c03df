const http = require("node:http");

const server = http.createServer((request, response) => {
  response.statusCode = request.url.startsWith("/v1/") ? 401 : 404;
  response.end();
});

server.listen(Number(process.env.PORT) || 8080);
