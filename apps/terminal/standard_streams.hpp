#pragma once

namespace vitrine {

/// Called first: standard input, output and error are open, so that no file of the work gets the
/// number of one of them and what is printed; a reader who goes away does not end the program; and
/// what standard error cannot take is lost without a word, since a remark that nobody sees is no
/// reason to stop.
void open_standard_streams();

/// Whether everything that was printed on standard output has arrived. If not, it says so on
/// standard error; or ends the program with SIGPIPE, as is usual, if the reader went away.
///   error   errno of a print that failed before, 0 if none is known
bool standard_output_arrived(int error = 0);

}  // namespace vitrine
