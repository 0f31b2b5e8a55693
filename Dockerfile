# The same steps as `make caffe` on your own machine, on the current Debian slim image.
#   docker build -t deeppap .
#   docker run --rm -it -v "$PWD/runs:/deeppap/runs" -v "$PWD/data:/deeppap/data" deeppap tools/quick_start.sh
# CUDA needs nvcc, therefore a base image that has it and apt; cuDNN and the rest are Python packages:
#   docker build -t deeppap-cuda --build-arg CUDA=1 --build-arg BASE=nvidia/cuda:13.0.1-devel-ubuntu24.04 .
ARG BASE=debian:trixie-slim

FROM $BASE AS build
ARG CUDA=0
# this stage is thrown away, so a cache outside it would not be used again
ENV DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 DEEPPAP_CACHE=/var/cache/deeppap
WORKDIR /deeppap
# git is the second source of Caffe's code, if the archive of packages no longer has it
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates git make python3-dev python3-venv
# only what the build reads: a change in our Python code does not build Caffe again
COPY requirements*.txt ./
COPY third_party third_party
# the extras too, so that slides are read, other engines score and labels are imported in the image
RUN third_party/caffe/make_venv.sh && \
    for extra in engines slides labels cluster; do .venv/bin/python -m pip install -q -r requirements-$extra.txt || exit 1; done
RUN third_party/caffe/install.sh cpu && \
    if [ "$CUDA" = 1 ]; then third_party/caffe/install.sh cuda; fi
RUN third_party/caffe/runtime_packages.sh >runtime_packages.txt

# no compilers and headers here; libraries are installed by name from the same Debian release
FROM $BASE
ENV DEBIAN_FRONTEND=noninteractive PATH=/deeppap/.venv/bin:$PATH
WORKDIR /deeppap
COPY --from=build /deeppap/runtime_packages.txt ./
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates python3 $(cat runtime_packages.txt) && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /deeppap/.venv .venv
COPY . .
RUN python -m pip install --no-cache-dir --no-deps -e .
# fails here if Caffe cannot be imported
RUN python -c "import caffe; caffe.Net"
CMD ["bash"]
