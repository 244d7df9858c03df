const http = require("node:http");

const port = Number(process.env.PORT) || 8080;
const version = process.env.APP_VERSION || "1";

const server = http.createServer((request, response) => {
  if (request.url === "/healthz") {
    response.end("ok\n");
  } else if (request.url === "/") {
    response.end(`hello from node-http ${version}\n`);
  } else {
    response.statusCode = 404;
    response.end("not found\n");
  }
});

server.listen(port, () => console.log(`listening on ${port}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
