console.log("started, and not going to listen");
setInterval(() => {}, 60_000);
