# The same steps as on a machine of one's own (make caffe), on the current Debian slim image.
#   docker build -t deeppap .
#   docker run --rm -it -v "$PWD/runs:/deeppap/runs" -v "$PWD/data:/deeppap/data" deeppap tools/quick_start.sh
# CUDA needs nvcc, so a base that has it and apt; cuDNN and the rest come as Python packages:
#   docker build -t deeppap-cuda --build-arg CUDA=1 --build-arg BASE=nvidia/cuda:13.0.1-devel-ubuntu24.04 .
ARG BASE=debian:trixie-slim

FROM $BASE AS build
ARG CUDA=0
# inside the stage that is thrown away: neither cache would be used again
ENV DEBIAN_FRONTEND=noninteractive PIP_NO_CACHE_DIR=1 DEEPPAP_CACHE=/var/cache/deeppap
WORKDIR /deeppap
# git is the second way to Caffe's source, where the archive of packages has it no more
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates git make python3-dev python3-venv
# only what the build reads: a change of our own Python does not build Caffe again
COPY requirements*.txt ./
COPY third_party third_party
RUN third_party/caffe/make_venv.sh && third_party/caffe/install.sh cpu && \
    if [ "$CUDA" = 1 ]; then third_party/caffe/install.sh cuda; fi
RUN third_party/caffe/runtime_packages.sh >runtime_packages.txt

# compilers and headers stay behind; libraries are installed by name from the same release
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
# an image in which Caffe cannot be imported is not made
RUN python -c "import caffe; caffe.Net"
CMD ["bash"]
