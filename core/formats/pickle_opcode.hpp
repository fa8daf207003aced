#pragma once

#include <cstdint>
#include <string_view>

// Source: Python's pickletools.

namespace vitrine::pickle_opcode {

/// The opcodes of pickles that torch.save writes, and those that would run something.
enum Code : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNoneOp = 'N',
  kBinPersid = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobalOp = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kInst = 'i',
  kLongBinGet = 'j',
  kObj = 'o',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTupleOp = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kBinFloat = 'G',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kExt1 = 0x82,
  kExt2 = 0x83,
  kExt4 = 0x84,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kNewObjEx = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

/// Opcodes of the protocols up to 5 that torch.save does not write.
inline constexpr std::string_view kUnused =
    "0"  // POP
    "1"  // POP_MARK
    "2"  // DUP
    "FILSVPgpdl"
    "\x8d"   // BINUNICODE8
    "\x8e"   // BINBYTES8
    "\x91"   // FROZENSET
    "\x96"   // BYTEARRAY8
    "\x97"   // NEXT_BUFFER
    "\x98";  // READONLY_BUFFER

}  // namespace vitrine::pickle_opcode
