# The service from its source tree. The versions are those of requirements/server.txt, checked by hash.
FROM python:3.11-slim-bookworm

RUN useradd --create-home --uid 10001 remarque && install -d -o remarque /srv/remarque /var/lib/remarque
WORKDIR /srv/remarque

COPY requirements/server.txt requirements/server.txt
RUN python -m pip install --no-cache-dir --require-hashes -r requirements/server.txt

COPY pyproject.toml README.md LICENSE alembic.ini ./
COPY remarque remarque
COPY app app
COPY migrations migrations
RUN python -m pip install --no-cache-dir --no-build-isolation --no-deps -e .

# Compiled code is kept where the user may write.
ENV NUMBA_CACHE_DIR=/tmp/numba REMARQUE_DATA_DIR=/var/lib/remarque
USER 10001
VOLUME /var/lib/remarque
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["remarque", "serve", "--host", "0.0.0.0", "--port", "8000"]
