start.sh
#!/bin/bash
exec ./a --port $PORT
