# A CPU image of the wheel in dist/, which `python -m build --wheel` makes; see docs/install.md.
FROM python:3.12-slim
COPY constraints.txt dist/*.whl /tmp/
# The CPU build of torch first, so that nothing pulls the CUDA build, which is many times as large.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu \
        "$(grep '^torch==' /tmp/constraints.txt)" "$(grep '^torchvision==' /tmp/constraints.txt)" \
    && pip install --no-cache-dir -c /tmp/constraints.txt /tmp/*.whl \
    && rm /tmp/*.whl /tmp/constraints.txt
RUN useradd --create-home user
USER user
WORKDIR /data
ENTRYPOINT ["maskdepth"]
CMD ["--help"]
