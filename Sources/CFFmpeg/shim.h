#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>

// Macros that Swift cannot import.
static const int convoy_error_end = AVERROR_EOF;
static const int convoy_error_again = AVERROR(EAGAIN);
static const int convoy_error_data = AVERROR_INVALIDDATA;
