const http = require("node:http");

const known = ["shop.example.com"];

const server = http.createServer((request, response) => {
  if (!known.includes(request.headers.host)) {
    response.writeHead(400, { "Content-Type": "text/html" });
    return response.end("<h1>DisallowedHost at /</h1> You may need to add it to ALLOWED_HOSTS.");
  }
  response.end("hello\n");
});

server.listen(Number(process.env.PORT) || 8080);
