const http = require("node:http");

const server = http.createServer((request, response) => {
  if (request.url === "/healthz") {
    response.statusCode = 503;
    return response.end(JSON.stringify({ status: "down", message: "the database does not answer" }));
  }
  response.end("hello\n");
});

server.listen(Number(process.env.PORT) || 8080);
