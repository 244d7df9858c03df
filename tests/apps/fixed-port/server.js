const http = require("node:http");

const server = http.createServer((request, response) => response.end("hello from port 3000\n"));

server.listen(3000, () => console.log("listening on 3000"));
