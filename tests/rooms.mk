# The rooms, and which others each may include, with what those may: read by the build, by the link of
# each room's tests, and by make lint. Upper rooms come first: that is the order of archives in a link.

ROOMS := apps apps/mpi apps/runs apps/bench apps/command_line apps/figures apps/drawing apps/terminal \
         models/c_api models/analysis models/training models/inference models/weights models/data models/networks \
         ops/optimizers ops ops/images ops/gemm ops/kernels \
         core/images core/formats core/text core

SEES_core            :=
SEES_core/text       := core
SEES_core/formats    := core/text
SEES_core/images     := core/formats
# Kernels in all their forms are one room: simd and reference fill the tables of ops/kernels.
SEES_ops/kernels     := core
SEES_ops/gemm        := ops/kernels
SEES_ops/images      := ops/kernels core/images
SEES_ops/optimizers  := ops/kernels
SEES_ops             := ops/gemm
# Networks and data do not know each other.
SEES_models/networks := ops core/formats
SEES_models/data     := ops ops/images core/images
SEES_models/weights  := models/networks models/data
SEES_models/inference := models/weights
# These three do not know each other.
SEES_models/training := models/inference ops/optimizers
SEES_models/analysis := models/inference
SEES_models/c_api    := models/inference
SEES_apps/terminal   := models/inference
SEES_apps/drawing    := ops/images
SEES_apps/figures    := apps/drawing models/training models/analysis
SEES_apps/command_line := apps/terminal
SEES_apps/bench      := apps/command_line models/training
SEES_apps/runs       := apps/command_line apps/figures
# In place of models/training/launched_group.cpp, by make mpi alone.
SEES_apps/mpi        := apps/terminal models/training
SEES_apps            := apps/runs apps/bench

# A room and all that it sees, upper ones first.
reach = $(1) $(foreach r,$(SEES_$(1)),$(call reach,$(r)))
seen  = $(filter $(call reach,$(1)),$(ROOMS))
