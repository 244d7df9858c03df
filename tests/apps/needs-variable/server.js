const http = require("node:http");
const config = require("./config");

const server = http.createServer((request, response) => response.end(`logs ${config.level}\n`));

server.listen(Number(process.env.PORT) || 8080);
