# One image for all components, for the pods that train, and for the MLflow server.
#
#   docker buildx build --tag docker.io/kubepresso/kubepresso:0.1.0 .
#
# or `make image`. --build-arg VARIANT=cpu leaves CUDA out, which is most of its size.
# Behind a private certificate authority: --build-arg PIP_CERT=<file inside the base image>. With a package index that
# wants a password: --secret id=pip,src=pip.conf, which no layer keeps.

ARG BASE_IMAGE=docker.io/library/python:3.11.14-slim-bookworm

# --- what to install: two lists, so that editing pyproject.toml or one pin rebuilds no more than it must ---
FROM ${BASE_IMAGE} AS locked
ARG VARIANT=cuda
ARG CPU_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /locked
COPY pyproject.toml constraints.txt ./
# The CPU build of torch is another file of the same version; torchvision must be linked against the same build.
RUN case "${VARIANT}" in \
      cuda) cp constraints.txt all.txt ;; \
      cpu) { echo "--extra-index-url ${CPU_INDEX}"; \
             sed -E 's/^(torch|torchvision)={2,3}([0-9.]+)$/\1==\2+cpu/' constraints.txt; } > all.txt ;; \
      *) echo "VARIANT is '${VARIANT}'; allowed: cuda, cpu" >&2; exit 1 ;; \
    esac \
 && grep -E '^(--|(torch|torchvision|triton|nvidia-|cuda-|filelock|fsspec|jinja2|markupsafe|mpmath|networkx|numpy|pillow|sympy|typing-extensions|setuptools)[a-z0-9-]*=)' \
      all.txt > torch.txt \
 && python3 -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
x = p['optional-dependencies']; print(*p['dependencies'], sep='\n'); \
[print(*x[e], sep='\n') for e in ('train', 'tracking', 'pipelines', 'cluster', 'postgres')]" > requirements.txt

# --- dependencies: torch with CUDA, several GB that change twice a year; then the rest ---
FROM ${BASE_IMAGE} AS dependencies
# A path or nothing; as an argument it is in the environment of the build alone.
ARG PIP_CERT
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1
COPY --from=locked /locked/torch.txt /opt/locked/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/venv \
 && pip install --no-cache-dir --constraint /opt/locked/torch.txt torch torchvision
COPY --from=locked /locked/all.txt /locked/requirements.txt /opt/locked/
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --no-cache-dir --constraint /opt/locked/all.txt --requirement /opt/locked/requirements.txt \
 && pip check

# --- our own code, with its byte code: the file system of a pod may be read-only ---
FROM dependencies AS code
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip install --no-cache-dir --constraint /opt/locked/all.txt "setuptools>=77"
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY trainer_image trainer_image
COPY components components
COPY pipelines pipelines
# Byte code that names the content of its source, not its time, stays valid however the layer is unpacked.
RUN pip install --no-deps --no-build-isolation --no-compile --prefix /staging . \
 && python -m compileall -q --invalidation-mode unchecked-hash /staging

FROM dependencies
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="kubepresso" \
      org.opencontainers.image.description="Components and training pods of kubepresso" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# Any numeric user of group 0 may write to HOME (caches, weights) and to the place of fetched data. The user's name is
# set, because a number without an entry in /etc/passwd has none, and torch asks for it.
RUN mkdir -p /home/kubepresso /var/lib/kubepresso \
 && chown 10001:0 /home/kubepresso /var/lib/kubepresso \
 && chmod 2775 /home/kubepresso /var/lib/kubepresso
ENV HOME=/home/kubepresso \
    USER=kubepresso \
    PYTHONUNBUFFERED=1
COPY --from=code /staging /opt/venv
# A number, so that a cluster can see that it is not root.
USER 10001:0
WORKDIR /home/kubepresso
# Steps and training pods end by themselves and listen to no port, so there is nothing to ask whether they are well;
# Kubernetes ignores this instruction anyway. The MLflow server has probes in its manifest.
HEALTHCHECK NONE
ENTRYPOINT ["kubepresso"]
CMD ["--help"]
