"""What gguf-py reads in SmolLM2's file: tests/fixtures/gguf_smollm2.json.

    python tests/oracles/gguf_smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf > tests/fixtures/gguf_smollm2.json
"""
import hashlib, json, sys
from gguf import GGUFReader, GGUFValueType

reader = GGUFReader(sys.argv[1])
keys = {}
for name, field in reader.fields.items():
    if name.startswith("GGUF."):
        continue
    value = field.contents()
    if field.types[0] == GGUFValueType.ARRAY:
        text = "\n".join(str(v) for v in value)
        keys[name] = {"array": len(value), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    else:
        keys[name] = value
tensors = [[t.name, [int(n) for n in t.shape], t.tensor_type.name, int(t.data_offset),
            hashlib.sha256(t.data.tobytes()).hexdigest()[:16]] for t in reader.tensors]
lines = ",\n".join(json.dumps(t) for t in tensors)
print(f'{{"keys": {json.dumps(keys, indent=1)},\n"tensors": [\n{lines}\n]}}')
