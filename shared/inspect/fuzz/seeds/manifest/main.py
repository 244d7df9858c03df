main.py
import os
from fastapi import FastAPI
app = application = FastAPI(
)
if __name__ == '__main__':
    uvicorn.run('main:app', host="0.0.0.0", port=int(os.environ['PORT']))
