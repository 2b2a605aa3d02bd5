#ifndef CODEC_HEX_H
#define CODEC_HEX_H

/* The value of a hexadecimal digit, or -1 for any other byte. */
static inline int
hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
