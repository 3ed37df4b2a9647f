"""How tests compile: small networks run for moments, so LLVM's expensive passes would cost more than they gain."""

QUICK_COMPILE = "--xla_llvm_disable_expensive_passes=true"
