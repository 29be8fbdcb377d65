# syntax=docker/dockerfile:1
# Two images of one build: `service`, what runs in production, and `demo`, which has the simulators too.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/pagerport
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY shared shared
COPY services services
COPY simulators simulators
# Everything pagerport needs comes as a wheel: no compiler here, and none in what follows.
RUN /opt/pagerport/bin/pip install --constraint constraints.txt '.[demo,otel]' \
    && /opt/pagerport/bin/pip uninstall --yes pip

FROM build AS trimmed
RUN rm -r /opt/pagerport/lib/python3.12/site-packages/simulators

FROM python:3.12-slim AS base
# No write to the disk is ever needed: the container's root may be read-only.
ENV PATH=/opt/pagerport/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin pagerport
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
ENTRYPOINT ["pagerport"]
# Where Ocean's image stood, no command is given: always on, or one sync with OCEAN__EVENT_LISTENER=ONCE.
CMD ["run"]

FROM base AS demo
COPY --from=build /opt/pagerport /opt/pagerport

FROM base AS service
COPY --from=trimmed /opt/pagerport /opt/pagerport
