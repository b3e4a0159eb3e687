# One image for every role: scorer, learner, simulator and the one-shot that creates the topics.

FROM python:3.11.14-slim-bookworm AS build

# A virtual environment of its own, so that the image below takes one directory and no build tools.
RUN python -m venv /opt/upswell
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY consumer consumer
COPY producer_sim producer_sim
COPY offline offline
COPY ledger ledger
COPY dashboard dashboard
COPY upswell upswell
RUN PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
    /opt/upswell/bin/pip install --no-cache-dir --disable-pip-version-check .


FROM python:3.11.14-slim-bookworm

RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/upswell upswell
COPY --from=build /opt/upswell /opt/upswell
COPY --chown=upswell deploy/policy /etc/upswell/policy
COPY --chown=upswell deploy/mappings /etc/upswell/mappings

# What a role prints must be seen at once; nothing is written beside the installed files.
ENV PATH=/opt/upswell/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    UPSWELL_POLICY=/etc/upswell/policy/retail_bank.yaml

USER upswell
WORKDIR /var/lib/upswell
STOPSIGNAL SIGTERM
ENTRYPOINT ["upswell"]
CMD ["--help"]
